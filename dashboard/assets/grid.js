// Drawing the cells of the trace table. The server has formatted the values.
(function () {
  const element = window.React.createElement;
  const renderers = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});

  renderers.ScoreBar = function (props) {
    if (props.value === null || props.value === undefined) {
      return element("span", { className: "remark" }, "–");
    }
    const width = { width: Math.round(100 * props.value) + "%" };
    return element("span", { className: "score" }, [
      element("span", { key: "bar", className: "bar", "aria-hidden": true }, element("span", { style: width })),
      element("span", { key: "text" }, props.value.toFixed(2)),
    ]);
  };

  renderers.Flags = function (props) {
    const flags = props.value || [];
    if (!flags.length) {
      return element("span", { className: "remark" }, props.data.safe);
    }
    const more = flags.length > 1 ? " +" + (flags.length - 1) : "";
    return element("span", { className: "flag", title: flags.join(", ") }, flags[0] + more);
  };

  renderers.When = function (props) {
    return element("time", { dateTime: props.value, title: props.value }, [
      element("span", { key: "at" }, props.data.clock),
      element("span", { key: "ago", className: "remark" }, " " + props.data.ago),
    ]);
  };
})();
