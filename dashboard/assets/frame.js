// The work that the frame does in the browser, without asking the server.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.frame = {
  // Keeps the address and the period buttons equal when one of them changes.
  syncPeriod(search, value, offered) {
    const keep = window.dash_clientside.no_update;
    const fields = new URLSearchParams(search || "");
    const named = fields.get("period") || "24h";
    const chosen = window.dash_clientside.callback_context.triggered.some(
      (change) => change.prop_id === "period.value"
    );
    if (chosen && value && value !== named && offered.includes(value)) {
      fields.set("period", value);
      return ["?" + fields.toString(), keep];
    }
    return [keep, value === named ? keep : named];
  },

  // The server answers each tick of the clock. After two ticks without an answer it counts as away.
  isLost(ticks, answered) {
    return (ticks || 0) - (answered || 0) <= 2;
  },

  // The current colour scheme, which a person or the operating system may have changed.
  readScheme(toggled, ticks, known) {
    const scheme = document.documentElement.getAttribute("data-mantine-color-scheme") || "light";
    return scheme === known ? window.dash_clientside.no_update : scheme;
  },

  toggleNavigation(opened, navbar) {
    return { ...navbar, collapsed: { mobile: !opened } };
  },
};
