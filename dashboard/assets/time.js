// The time picker, and charts that set the time. The address holds it: `period`, or `from` and `to` in UTC.
window.dash_clientside = window.dash_clientside || {};
(function () {
  const WORDS = {
    "15m": "Last 15 minutes",
    "1h": "Last hour",
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
  };
  const SHORTEST = 60000;

  const text = (fields) => (fields.size ? "?" + fields.toString() : "");
  const moment = (said) => {
    // A moment without a zone is in UTC, as the server reads it.
    const found = said ? new Date(/(Z|[+-]\d\d:?\d\d)$/.test(said) || said.length < 11 ? said : said + "Z") : null;
    return found && !isNaN(found) ? found : null;
  };
  const utc = (at) => at.toISOString().replace(/\.\d+Z$/, "Z");
  const local = (at) => {
    const two = (number) => String(number).padStart(2, "0");
    const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
    return day + "T" + two(at.getHours()) + ":" + two(at.getMinutes());
  };
  const words = (from, to) => {
    const day = { day: "numeric", month: "short" };
    const time = { hour: "2-digit", minute: "2-digit", hour12: false };
    const write = (at, form) => new Intl.DateTimeFormat("en-GB", form).format(at);
    const same = to && from.toDateString() === to.toDateString();
    const end = to ? write(to, same ? time : { ...day, ...time }) : "now";
    return write(from, { ...day, ...time }) + " – " + end;
  };

  const setMoments = (search, from, to) => {
    const fields = new URLSearchParams(search || "");
    fields.set("from", utc(from));
    to ? fields.set("to", utc(to)) : fields.delete("to");
    fields.delete("before");
    return text(fields);
  };

  window.dash_clientside.time = {
    // The controls say what the address says.
    show(search) {
      const fields = new URLSearchParams(search || "");
      const [from, to] = [moment(fields.get("from")), moment(fields.get("to"))];
      const period = fields.get("period") || "24h";
      const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
      const compared = fields.has("compare");
      const label = (from ? words(from, to) : WORDS[period] || "Last " + period) + (compared ? ", compared" : "");
      return [from ? "custom" : period, label, from ? local(from) : "", to ? local(to) : "", compared, zone];
    },

    // What a person chooses becomes part of the address.
    choose(period, clicks, compared, offered, from, to, search) {
      const keep = window.dash_clientside.no_update;
      const fields = new URLSearchParams(search || "");
      const changed = window.dash_clientside.callback_context.triggered.map((change) => change.prop_id);
      const known = fields.has("from") ? "custom" : fields.get("period") || "24h";
      if (changed.includes("time-apply.n_clicks")) {
        const [start, end] = [from ? new Date(from) : null, to ? new Date(to) : null];
        if (!start) return [keep, "Enter the moment where the time begins."];
        if (end && end <= start) return [keep, "The end must be later than the start."];
        if (start >= new Date()) return [keep, "The start must be in the past."];
        window.llmMonitor.closePopups();
        return [setMoments(search, start, end), ""];
      }
      if (changed.includes("period.value") && period !== known && offered.includes(period)) {
        ["from", "to", "before"].forEach((name) => fields.delete(name));
        fields.set("period", period);
        window.llmMonitor.closePopups();
        return [text(fields), ""];
      }
      if (changed.includes("compare.checked") && compared !== fields.has("compare")) {
        compared ? fields.set("compare", "1") : fields.delete("compare");
        return [text(fields), ""];
      }
      return [keep, keep];
    },
  };

  // Dragging over the axis of time of any chart sets the time; a double click goes back to the one before.
  const before = [];
  const go = (search) => window.dash_clientside.set_props("url", { search });

  function dragged(chart, change) {
    const utcTimes = chart._fullLayout.meta?.zone === "UTC";
    const [from, to] = [change["xaxis.range[0]"], change["xaxis.range[1]"]].map((at) => {
      // The axis has times without a zone, of the zone that the chart names: that of this browser.
      const said = at === undefined ? null : String(at).replace(" ", "T");
      return said && (utcTimes ? moment(said) : new Date(said));
    });
    if (!from || !to || chart._fullLayout.xaxis.type !== "date") return;
    before.push(window.location.search);
    go(setMoments(window.location.search, from, new Date(Math.max(to, from.getTime() + SHORTEST))));
  }

  // What a point says stands below the chart, where it covers nothing, and else the zone of its times.
  function read(chart, points) {
    const below = chart.closest("figure")?.querySelector(".readout");
    if (!below) return;
    const said = (points || []).map((point) => point.customdata).filter((text) => typeof text === "string");
    const zone = chart._fullLayout?.meta?.zone;
    below.textContent = said.join("\n") || (zone ? "Times in " + zone : "");
  }

  function bind() {
    document.querySelectorAll(".js-plotly-plot:not([data-bound])").forEach((chart) => {
      if (!chart.on || !chart._fullLayout) return;
      chart.dataset.bound = "";
      // A chart may be empty when it is found, and has an axis of time only when it is drawn again.
      const mark = () => chart.toggleAttribute("data-time", chart._fullLayout?.xaxis?.type === "date");
      mark();
      chart.on("plotly_afterplot", mark);
      read(chart);
      chart.on("plotly_afterplot", () => read(chart));
      chart.on("plotly_hover", (found) => read(chart, found.points));
      chart.on("plotly_unhover", () => read(chart));
      chart.on("plotly_relayout", (change) => dragged(chart, change));
      chart.on("plotly_doubleclick", () => {
        if (before.length) go(before.pop());
      });
    });
  }
  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      bind();
    }, 200);
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
