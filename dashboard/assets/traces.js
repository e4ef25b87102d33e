// The address holds the chosen trace, the filter and the columns, so that links and the Back button work.
window.dash_clientside = window.dash_clientside || {};
(function () {
  const keep = () => window.dash_clientside.no_update;
  const written = (fields) => (fields.size ? "?" + fields.toString() : "");
  // What the table on the page shows: its list, and the newest trace when its rows were read.
  const shown = { grid: null, list: null, newest: null };
  // With Ctrl, the command key or Shift, two chosen rows are compared: the first waits for the second.
  const pair = { held: false, first: null };
  const note = (event) => (pair.held = event.ctrlKey || event.metaKey || event.shiftKey);
  ["pointerdown", "keydown"].forEach((kind) => document.addEventListener(kind, note, true));

  function listOf(search) {
    const fields = new URLSearchParams(search || "");
    fields.delete("trace");
    fields.sort();
    return fields.toString();
  }

  async function gridOf(name) {
    try {
      return await window.dash_ag_grid.getApiAsync(name);
    } catch {
      return null;
    }
  }

  function readAnew(grid) {
    if (grid.getDisplayedRowCount() > 1) grid.refreshInfiniteCache();
    else grid.purgeInfiniteCache();
  }

  window.dash_clientside.traces = {
    // A chosen row becomes part of the address. It is then deselected, so that it can be chosen again.
    open(rows, search) {
      if (!rows || !rows.length) return [keep(), keep()];
      const fields = new URLSearchParams(search || "");
      const [chosen, first] = [rows[0].id, pair.held ? pair.first : null];
      pair.first = pair.held && !first ? chosen : null;
      if (pair.first) return [keep(), keep()];
      fields.set("trace", first || chosen);
      if (first && first !== chosen) fields.set("with", chosen);
      else fields.delete("with");
      return [written(fields), []];
    },

    close(opened, search) {
      const fields = new URLSearchParams(search || "");
      if (opened || !fields.has("trace")) return keep();
      fields.delete("trace");
      fields.delete("with");
      return written(fields);
    },

    // Another list is read from its beginning. Newer traces appear by themselves at the top of the table, and
    // elsewhere a button offers them, so that nothing moves under a reader. Returns whether it is hidden.
    async readAgain(search, newest, clicks) {
      const causes = window.dash_clientside.callback_context.triggered.map((change) => change.prop_id);
      const grid = await gridOf("found");
      if (!grid) return true;
      const list = listOf(search);
      const known = shown.grid === grid;
      const other = known && shown.list !== list;
      const newer = known && !other && newest !== shown.newest;
      if (other) {
        grid.purgeInfiniteCache();
        Object.assign(shown, { list, newest });
        return true;
      }
      if (!known) Object.assign(shown, { grid, list, newest });
      if (!newer) return true;
      const asked = causes.includes("found-newer.n_clicks");
      if (!asked && shown.newest && grid.getVerticalPixelRange().top > 0) return false;
      if (asked) grid.ensureIndexVisible(0, "top");
      if (shown.newest || grid.getDisplayedRowCount() <= 1) readAnew(grid);
      shown.newest = newest;
      return true;
    },

    chooseColumns(chosen, pinned, search) {
      const fields = new URLSearchParams(search || "");
      const before = written(fields);
      const names = (chosen || []).join(",");
      const offered = "timestamp,model,quality,safety,flag,cost,latency,prompt";
      if (!names || names === offered) fields.delete("columns");
      else fields.set("columns", names);
      if (pinned) fields.set("pinned", "first");
      else fields.delete("pinned");
      return written(fields) === before ? keep() : written(fields);
    },
  };

  // A finding in the list leads to its place in the text, which may be folded or scrolled away.
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("[data-finding]");
    const place = link && document.getElementById(link.getAttribute("data-finding"));
    if (!place) return;
    for (let at = place.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
    place.scrollIntoView({ block: "center" });
    place.focus({ preventScroll: true });
  });

  // j and k walk through the list while a trace is open.
  document.addEventListener("keydown", (event) => {
    if (!["j", "k"].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest && event.target.closest("input, textarea, select, [contenteditable]")) return;
    const link = document.getElementById("walk-" + event.key);
    if (link && link.click) link.click();
  });
})();
