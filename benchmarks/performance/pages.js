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
  // Returns when the chosen requests are drawn, and none of them has begun for a while.
  async function settle(since, chosen) {
    for (;;) {
      await new Promise((done) => setTimeout(done, 20));
      const now = performance.now();
      const mine = asked.filter((one) => one.begun >= since && chosen(one));
      const last = Math.max(since, ...mine.map((one) => one.ended ?? Infinity));
      if (mine.length && now - last > QUIET) return last - since;
      if (now - since > LONGEST) return LONGEST;
    }
  }

  // The answers to the first request of each kind make the page; later ones keep it up to date.
  async function opened() {
    const first = new Set();
    const begun = new Map();
    const is = (one) => {
      if (!begun.has(one.output)) begun.set(one.output, one);
      return begun.get(one.output) === one;
    };
    const time = await settle(0, is);
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
