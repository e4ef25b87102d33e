// Elements that no callback listens to, made of a tree: [tag, properties, child, …], a text, or nothing.
// Texts are given to React as texts, so that nothing in them is ever read as markup.
(function () {
  const GROUP = "", LINK = "Link";
  const leadsWell = (href) => /^(https?:\/\/|mailto:|[/?#]|$)/i.test(href);

  // A link to a page of the dashboard changes the address without loading everything anew.
  function follow(event) {
    if (event.metaKey || event.shiftKey || event.altKey || event.ctrlKey) return;
    event.preventDefault();
    window.history.pushState({}, "", event.currentTarget.getAttribute("href"));
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
  }

  function made(tree) {
    if (!Array.isArray(tree)) return tree;
    const [tag, given, ...inside] = tree;
    const children = inside.map(made);
    if (tag === GROUP) return window.React.createElement(window.React.Fragment, null, ...children);
    const props = { ...given };
    if ("href" in props && !leadsWell(props.href)) delete props.href;
    if (tag === LINK) props.onClick = follow;
    return window.React.createElement(tag === LINK ? "a" : tag, props, ...children);
  }

  window.llm_monitor = { Markup: ({ tree }) => made(tree) };
})();
