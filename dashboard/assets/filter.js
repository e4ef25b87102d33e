// The filter box: Enter applies the filter, and a list below proposes how it may go on.
window.dash_clientside = window.dash_clientside || {};
(function () {
  const MOST = 12;
  const TOKEN = /\s*("(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|!=|<=|>=|!~|[=<>~(),]|[^\s"'()<>=!~,]+)/g;
  let proposals = [];
  let active = -1;
  let [known, values] = [[], {}];

  window.dash_clientside.filter = {
    // What may be proposed: the fields, and the values that were read when the box was first used.
    know(fields, found) {
      [known, values] = [fields || [], found || {}];
      if (found && active < 0 && document.activeElement === box()) propose();
    },

    show(search) {
      return new URLSearchParams(search || "").get("filter") || "";
    },
  };

  const box = () => document.getElementById("filter-text");
  const place = () => document.getElementById("filter-proposals");
  // The words of a text, and the one that is being written: it ends at the text's end.
  function split(text) {
    const words = [...text.matchAll(TOKEN)].map((found) => found[1]);
    const open = words.length && !/[\s(),=<>~]$/.test(text) ? words.pop() : "";
    return [words, open];
  }

  // What may follow these words.
  function following(words) {
    const named = (word) => {
      const low = word.toLowerCase();
      return known.find((field) => field.name === low || (field.name.endsWith(".") && low.startsWith(field.name)));
    };
    const valuesOf = (field) => (values[field.name] || []).map((value) => JSON.stringify(value)).concat(field.values);
    const starts = () =>
      known
        .map((field) => ({ text: field.name, about: field.about, joined: field.name.endsWith(".") }))
        .concat({ text: "not", about: "The opposite of what follows." });
    const plain = (texts) => texts.map((text) => ({ text, joined: text.endsWith("(") }));

    let field = null;
    let expects = "field";
    let listed = false;
    let half = "";
    for (const word of words) {
      const low = word.toLowerCase();
      half = expects === "sign" && /^(is|not|in)$/.test(low) ? half + low : "";
      if (expects === "field") {
        if (low === "not" || low === "(") continue;
        field = named(word) || null;
        expects = "sign";
      } else if (expects === "sign" && /^(and|or)$/.test(low)) expects = "field";
      else if (expects === "sign" && low === ")") expects = "join";
      else if (expects === "sign" && low === "(") [listed, expects] = [true, "value"];
      else if (expects === "sign" && /^(null|exists)$/.test(low)) expects = "join";
      else if (expects === "sign" && /^([=<>~]|!=|<=|>=|!~|contains)$/.test(low)) expects = "value";
      else if (expects === "value") expects = "join";
      else if (expects === "join" && low === "," && listed) expects = "value";
      else if (expects === "join" && low === ")") listed = false;
      else if (expects === "join" && /^(and|or)$/.test(low)) expects = "field";
    }
    if (expects === "field") return starts();
    if (half) return plain({ is: ["null", "not null"], isnot: ["null"], not: ["in (", "contains"] }[half] || ["("]);
    if (expects === "sign") return plain(field ? field.signs.concat(field.values.includes("true") ? ["and", "or"] : []) : []);
    if (expects === "value") return plain(field ? valuesOf(field) : []);
    return plain(listed ? [",", ")"] : ["and", "or"]);
  }

  function propose() {
    const input = box();
    const text = input.value.slice(0, input.selectionStart ?? input.value.length);
    const [words, open] = split(text);
    const bare = open.replace(/^["']/, "").toLowerCase();
    const fits = (one) => one.text.replace(/^["']/, "").toLowerCase();
    const found = following(words);
    const first = found.filter((one) => fits(one).startsWith(bare));
    const rest = bare ? found.filter((one) => !first.includes(one) && fits(one).includes(bare)) : [];
    proposals = [...first, ...rest].filter((one) => one.text !== open).slice(0, MOST);
    proposals.forEach((one) => (one.at = text.length - open.length));
    active = -1;
    draw();
  }

  function draw() {
    const input = box();
    const list = document.createElement("ul");
    list.id = "filter-list";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Proposals");
    proposals.forEach((one, index) => {
      const item = document.createElement("li");
      item.id = "filter-option-" + index;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(index === active));
      const code = document.createElement("code");
      code.textContent = one.text;
      item.append(code);
      if (one.about) {
        const about = document.createElement("span");
        about.className = "remark";
        about.textContent = one.about;
        item.append(about);
      }
      item.addEventListener("mousedown", (event) => {
        event.preventDefault();
        take(one);
      });
      list.append(item);
    });
    place().replaceChildren(...(proposals.length ? [list] : []));
    input.setAttribute("aria-expanded", String(proposals.length > 0));
    if (proposals.length) input.setAttribute("aria-controls", "filter-list");
    else input.removeAttribute("aria-controls");
    if (active >= 0) {
      input.setAttribute("aria-activedescendant", "filter-option-" + active);
      document.getElementById("filter-option-" + active).scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  }

  function close() {
    proposals = [];
    active = -1;
    draw();
  }

  function take(one) {
    const input = box();
    const end = input.selectionStart ?? input.value.length;
    const written = input.value.slice(0, one.at) + one.text + (one.joined ? "" : " ");
    const rest = input.value.slice(end);
    // React hears of a new value only if it is set as the browser itself sets it.
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, written + rest);
    input.setSelectionRange(written.length, written.length);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  const isBox = (event) => event.target && event.target.id === "filter-text";

  document.addEventListener("focusin", (event) => {
    if (!isBox(event)) return;
    const input = box();
    Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-haspopup": "listbox" }).forEach((pair) =>
      input.setAttribute(...pair)
    );
    window.dash_clientside.set_props("filter-focused", { data: Date.now() });
    propose();
  });
  document.addEventListener("focusout", (event) => {
    if (isBox(event)) close();
  });
  document.addEventListener("input", (event) => {
    if (isBox(event)) propose();
  });
  document.addEventListener("keydown", (event) => {
    if (!isBox(event)) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && proposals.length) {
      event.preventDefault();
      active = (active + step + proposals.length) % proposals.length;
      draw();
    } else if (event.key === "Tab" && !event.shiftKey && active >= 0) {
      event.preventDefault();
      take(proposals[active]);
    } else if (event.key === "Escape") close();
    else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      take(proposals[active]);
    } else if (event.key === "Enter") {
      const text = box().value;
      close();
      window.dash_clientside.set_props("filter-entered", { data: { text, at: Date.now() } });
    }
  });
  // "/" goes to the filter, as in many tools.
  document.addEventListener("keydown", (event) => {
    const writes = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || writes || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    box()?.focus();
  });
})();
