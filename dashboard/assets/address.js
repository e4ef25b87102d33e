// What follows from the address alone is computed in the browser, without asking the server.
window.dash_clientside = window.dash_clientside || {};
(function () {
  const keep = () => window.dash_clientside.no_update;
  const written = (fields) => (fields.size ? "?" + fields.toString() : "");
  // Of several fields with one name the last counts, and an empty one is none.
  const last = (search, name) => new URLSearchParams(search || "").getAll(name).filter(Boolean).pop() || "";

  window.dash_clientside.address = {
    // The parts that callbacks listen to: the filter, the trace and the project.
    split(path, search, ...known) {
      const parts = [
        last(search, "filter") ? `${path || "/"}${search}` : "",
        last(search, "trace") ? search : "",
        last(search, "project") || "default",
      ];
      return parts.map((part, place) => (part === (known[place] ?? "") ? keep() : part));
    },

    // The fields that a form is filled from; empty without the first of them.
    part(search, known, names) {
      const fields = new URLSearchParams();
      names.forEach((name) => last(search, name) && fields.set(name, last(search, name)));
      const part = fields.has(names[0]) ? written(fields) : "";
      return part === (known ?? "") ? keep() : part;
    },

    // Links to all pages keep the fields that apply to every page. Returns their addresses and which is current.
    link(path, search, links, kept) {
      const fields = new URLSearchParams();
      kept.forEach((name) => last(search, name) && fields.set(name, last(search, name)));
      const above = (path || "").replace(/\/[^/]*$/, "");
      return [
        links.map((link) => link.path + written(fields)),
        links.map((link) => (link.path === path || link.path === above ? "exact" : false)),
      ];
    },

    // Links to ready views replace the filter, and leave the open trace and the place in the list.
    filterBy(search, links) {
      return links.map((link) => {
        const fields = new URLSearchParams(search || "");
        ["before", "trace"].forEach((name) => fields.delete(name));
        fields.set("filter", link.filter);
        return "/traces" + written(fields);
      });
    },
  };
})();
