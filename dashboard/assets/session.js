// A session that has ended leads to where a new one begins, and from there back to this page.
(function () {
  const ask = window.fetch;
  let leaving = false;

  window.fetch = async function (...request) {
    const answer = await ask.apply(window, request);
    if (answer.status !== 401) return answer;
    if (!leaving) {
      leaving = true;
      const here = window.location.pathname + window.location.search;
      window.location.replace("/login?next=" + encodeURIComponent(here) + "&ended");
    }
    return new Promise(() => {}); // whoever asked is about to be gone
  };

  // What the browser kept of a page that was left shows what only a session may see.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });
})();
