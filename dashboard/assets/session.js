// After the end of a session the browser goes to the sign-in page, and from there back to this page.
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
    return new Promise(() => {}); // the page that asked is being left
  };

  // The browser may show a kept copy of a page that only a signed-in person may see, so it is loaded again.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });
})();
