// The address holds the chosen trace and the filters, so that links and the Back button work.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.traces = {
  // A chosen row becomes part of the address. It is then deselected, so that it can be chosen again.
  open(rows, search) {
    const keep = window.dash_clientside.no_update;
    if (!rows || !rows.length) return [keep, keep];
    const fields = new URLSearchParams(search || "");
    fields.set("trace", rows[0].id);
    return ["?" + fields.toString(), []];
  },

  close(opened, search) {
    const fields = new URLSearchParams(search || "");
    if (opened || !fields.has("trace")) return window.dash_clientside.no_update;
    fields.delete("trace");
    return fields.size ? "?" + fields.toString() : "";
  },

  // The fields show what the address says. `filled` is true from then on.
  fillFilters(search, names, ...values) {
    const keep = window.dash_clientside.no_update;
    const fields = new URLSearchParams(search || "");
    const said = names.map((name) => fields.get(name) || "");
    return [...said.map((value, i) => (value === (values[i] || "") ? keep : value)), true];
  },

  // Later input becomes part of the address, and the list begins at the newest trace again.
  readFilters(...given) {
    const [names, filled, search] = given.slice(-3);
    const values = given.slice(0, -3);
    const fields = new URLSearchParams(search || "");
    const changed = names.some((name, i) => (fields.get(name) || "") !== (values[i] || ""));
    if (!filled || !changed) return window.dash_clientside.no_update;
    names.forEach((name, i) => (values[i] ? fields.set(name, values[i]) : fields.delete(name)));
    fields.delete("before");
    return fields.size ? "?" + fields.toString() : "";
  },
};
