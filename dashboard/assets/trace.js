// The trace to compare with is typed as an id and becomes part of the address, without asking the server.
(function () {
  const ID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;

  function compare() {
    const given = document.getElementById("compare-id").value.trim();
    const said = document.getElementById("compare-said");
    said.textContent = ID.test(given) ? "" : "This is no id of a trace.";
    if (!ID.test(given)) return;
    const fields = new URLSearchParams(location.search);
    fields.set("with", given);
    window.history.pushState({}, "", location.pathname + "?" + fields.toString());
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest && event.target.closest("#compare-go")) compare();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.id === "compare-id") compare();
  });
})();
