// The buttons of the drawer by which people label a call.
(() => {
  let serial = 0;
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-label-act]");
    if (!button) return;
    serial += 1;
    const { labelAct: act, labelOf: of } = button.dataset;
    window.dash_clientside.set_props("trace-label", { data: { act, of, serial } });
  });
})();
