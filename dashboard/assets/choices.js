// A choice of a page is a field of its address, so that links and the Back button work.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.choices = {
  // Puts what a person chose into the address. The usual choice has no field.
  choose(value, search, name, usual) {
    const fields = new URLSearchParams(search || "");
    if (!value || value === (fields.get(name) || usual)) return window.dash_clientside.no_update;
    if (value === usual) fields.delete(name);
    else fields.set(name, value);
    return fields.size ? "?" + fields.toString() : "";
  },
};
