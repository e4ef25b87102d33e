// Links beside charts: to a board, and to the editor of alerts. They carry what the page shows at the moment.
(function () {
  const KEPT = ["project", "period", "from", "to", "source", "filter", "compare"];

  // The measure of a link may be a choice of the page: the score or the flag that it shows.
  function measureOf(link, fields) {
    const measure = link.dataset.measure;
    if (measure === "flagged") return fields.get("flag") ? "flag:" + fields.get("flag") : "violations";
    if (measure !== "score") return measure;
    const score = fields.get("score");
    return score && score !== "overall_quality" ? "score:" + score : "quality";
  }

  function address(link) {
    const fields = new URLSearchParams(location.search);
    const chosen = new URLSearchParams();
    KEPT.forEach((name) => fields.has(name) && chosen.set(name, fields.get(name)));
    const measure = measureOf(link, fields);
    const own = link.dataset.where;
    if (own) chosen.set("filter", chosen.has("filter") ? `(${chosen.get("filter")}) and (${own})` : own);
    const split = link.dataset.split === "by" ? fields.get("by") || link.dataset.usual || "" : link.dataset.split || "";
    if (link.dataset.leads === "/boards") {
      // The filter goes to the chart, and not to the whole board.
      if (chosen.has("filter")) chosen.set("where", chosen.get("filter"));
      chosen.delete("filter");
      chosen.set("put", measure);
    } else chosen.set("new", measure);
    // A chart is split by one field: of several, by the first.
    if (split) chosen.set("split", split.split(",")[0]);
    return link.dataset.leads + "?" + chosen.toString();
  }

  const found = (event) => event.target.closest && event.target.closest("a[data-leads]");
  ["pointerover", "focusin"].forEach((kind) =>
    document.addEventListener(kind, (event) => {
      const link = found(event);
      if (link) link.href = address(link);
    })
  );
  document.addEventListener("click", (event) => {
    const link = found(event);
    if (link && !(event.ctrlKey || event.metaKey || event.shiftKey || event.button)) {
      event.preventDefault();
      window.history.pushState({}, "", address(link));
      window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
      window.scrollTo(0, 0);
    }
    const act = event.target.closest && event.target.closest("button[data-act]");
    if (act) {
      const told = { act: act.dataset.act, place: Number(act.dataset.place), at: Date.now() };
      window.dash_clientside.set_props("board-act", { data: told });
    }
  });
})();
