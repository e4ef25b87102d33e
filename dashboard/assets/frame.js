// The work that the frame does in the browser, without asking the server.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.frame = {
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
    document.getElementById("burger")?.setAttribute("aria-expanded", String(!!opened));
    return { ...navbar, collapsed: { mobile: !opened } };
  },
};

// Panels of the header and the narrow navigation close by themselves when something was chosen.
window.llmMonitor = {
  closePopups(except) {
    document.querySelectorAll("details.popup[open]").forEach((popup) => {
      if (popup !== except) popup.open = false;
    });
  },
};
(function () {
  const closeNavigation = () => {
    const burger = document.getElementById("burger");
    if (burger && burger.getAttribute("aria-expanded") === "true") {
      window.dash_clientside.set_props("burger", { opened: false });
    }
  };
  document.addEventListener("click", (event) => {
    const inside = event.target.closest("details.popup");
    // Parts of a calendar or list lie outside of the panel that opened them.
    if (event.target.isConnected && !event.target.closest("[data-portal]")) window.llmMonitor.closePopups(inside);
    if (inside && event.target.closest(".closes, .panel a")) window.llmMonitor.closePopups();
    if (event.target.closest("#navigation a")) closeNavigation();
    const remove = event.target.closest("[data-view]");
    if (remove) window.dash_clientside.set_props("view-removed", { data: remove.dataset.view });
  });
  // The saved views are read when the menu opens.
  document.addEventListener(
    "toggle",
    (event) => {
      if (event.target.open && event.target.querySelector("#views")) {
        window.dash_clientside.set_props("views-opened", { data: Date.now() });
      }
    },
    true
  );
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details.popup[open]");
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    } else closeNavigation();
  });
})();
