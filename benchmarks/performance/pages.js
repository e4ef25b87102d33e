// Watches what a page of the dashboard asks of its server, and when the answers are drawn.
window.llmMonitorWatch = (function () {
  const asked = [];
  const original = window.fetch;
  const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  window.fetch = async function (address, options) {
    const body = String((options && options.body) || "");
    if (!String(address).includes("_dash-update-component")) return original.apply(this, arguments);
    const entry = { begun: performance.now(), body, output: body.split('"', 4)[3], ended: null };
    asked.push(entry);
    try {
      const answer = await original.apply(this, arguments);
      // The page reads the body and draws it; the next frame after that shows it.
      answer.clone().text().then(drawn).then(() => { entry.ended = performance.now(); });
      return answer;
    } catch (error) {
      entry.ended = performance.now();
      throw error;
    }
  };

  const QUIET = 300, LONGEST = 20000;
  // Returns when the first chosen request of each part is drawn, and no other part has asked for a while.
  // Later requests of a part only keep it up to date, and while calls come in they never end.
  async function settle(since, chosen) {
    for (;;) {
      await new Promise((done) => setTimeout(done, 20));
      const now = performance.now();
      const first = new Map();
      for (const one of asked) {
        if (one.begun >= since && chosen(one) && !first.has(one.output)) first.set(one.output, one);
      }
      const last = Math.max(since, ...[...first.values()].map((one) => one.ended ?? Infinity));
      if (first.size && now - last > QUIET) return last - since;
      if (now - since > LONGEST) return LONGEST;
    }
  }

  async function opened() {
    const time = await settle(0, () => true);
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    return { painted: paint ? paint.startTime : LONGEST, drawn: time };
  }

  return {
    opened,
    isLive: () => asked.some((one) => one.body.includes("-drawn")),
    choose(period) {
      const since = performance.now();
      document.querySelector(`#period input[value="${period}"]`).click();
      return settle(since, (one) => one.body.includes(`period=${period}`));
    },
    narrow(text) {
      const since = performance.now();
      const fields = new URLSearchParams(location.search);
      if (text) fields.set("filter", text); else fields.delete("filter");
      window.dash_clientside.set_props("url", { search: `?${fields}` });
      const wanted = text ? "filter=" : "-drawn";
      return settle(since, (one) => one.body.includes("-drawn") && one.body.includes(wanted));
    },
  };
})();
