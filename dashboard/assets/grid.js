// Tables of traces: drawing their cells, opening a row by keyboard, and the columns of narrow screens.
(function () {
  const element = window.React.createElement;
  const renderers = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  const functions = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  const unknown = "–";
  const narrow = 560;
  const narrowColumns = ["timestamp", "flag", "prompt"];
  const fittedGrids = new WeakMap();
  const kept = "llm-monitor-columns";

  renderers.ScoreBar = function (props) {
    if (typeof props.value !== "number") return element("span", { className: "remark" }, unknown);
    const width = { width: Math.round(100 * Math.min(1, Math.max(0, props.value))) + "%" };
    return element("span", { className: "score" }, [
      element("span", { key: "bar", className: "bar", "aria-hidden": true }, element("span", { style: width })),
      element("span", { key: "text" }, props.value.toFixed(2)),
    ]);
  };

  renderers.Flags = function (props) {
    const flags = Array.isArray(props.value) ? props.value : [];
    const row = props.data || {};
    const failed = row.failure
      ? [element("span", { key: "error", className: "flag error", title: row.failure }, "Error")]
      : [];
    if (!flags.length && !failed.length) return element("span", { className: "remark" }, row.state);
    const more = flags.length > 1 ? " +" + (flags.length - 1) : "";
    const first = flags.length
      ? [element("span", { key: "flag", className: "flag", title: flags.join(", ") }, flags[0] + more)]
      : [];
    return element("span", { className: "cell-flags" }, [...failed, ...first]);
  };

  renderers.When = function (props) {
    if (!props.value) return null;
    const at = new Date(props.value);
    const two = (number) => String(number).padStart(2, "0");
    const time = two(at.getHours()) + ":" + two(at.getMinutes());
    const today = at.toDateString() === new Date().toDateString();
    const day = two(at.getMonth() + 1) + "-" + two(at.getDate()) + " ";
    const text = today ? time + ":" + two(at.getSeconds()) : day + time;
    return element("time", { dateTime: props.value, title: props.value }, [
      element("span", { key: "at" }, text),
      today ? element("span", { key: "ago", className: "remark ago" }, " " + props.data.ago) : null,
    ]);
  };

  functions.leaveGrid = () => false;

  functions.openByKey = function (params) {
    if (params.event && params.event.key === "Enter" && params.node && params.node.data) {
      params.node.setSelected(true);
    }
  };

  // A narrow table shows what a person needs to choose a row. Chosen columns are all shown.
  functions.fitColumns = function (params) {
    const width = window.innerWidth;
    const columns = params.api.getColumns() || [];
    const ids = columns.map((column) => column.getColId());
    if (!ids.includes("prompt")) return restoreWidths(params.api, ids);
    const hidden = width < narrow ? ids.filter((id) => !narrowColumns.includes(id)) : [];
    for (const column of columns) {
      const visible = !hidden.includes(column.getColId());
      if (column.isVisible() !== visible) params.api.setColumnsVisible([column.getColId()], visible);
    }
    const fitted = width < narrow;
    if (fitted === fittedGrids.get(params.api)) return;
    fittedGrids.set(params.api, fitted);
    if (fitted) {
      params.api.applyColumnState({
        state: [
          { colId: "timestamp", width: 112 },
          { colId: "flag", width: 110 },
        ],
      });
    } else restoreWidths(params.api, ids);
  };

  function widths() {
    try {
      return JSON.parse(window.localStorage.getItem(kept)) || {};
    } catch {
      return {};
    }
  }

  function restoreWidths(api, ids) {
    const known = widths();
    const state = ids.filter((id) => known[id] > 0).map((id) => ({ colId: id, width: known[id], flex: null }));
    if (state.length) api.applyColumnState({ state });
  }

  functions.keepWidth = function (params) {
    if (!params.finished || params.source !== "uiColumnResized" || !params.column) return;
    const known = widths();
    known[params.column.getColId()] = params.column.getActualWidth();
    try {
      window.localStorage.setItem(kept, JSON.stringify(known));
    } catch {
      // Without storage, widths last until the page is left.
    }
  };
})();
