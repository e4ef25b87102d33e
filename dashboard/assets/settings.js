// A question that must be answered gets the focus as soon as it appears.
(function () {
  new MutationObserver(() => {
    const asked = document.querySelector(".confirm:not([data-seen])");
    if (asked) {
      asked.dataset.seen = "yes";
      asked.focus();
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
// The field of an upload has no name of its own. Its name is the text that stands in its place.
(function () {
  new MutationObserver(() => {
    document.querySelectorAll('input[type="file"]:not([aria-label])').forEach((field) => {
      const words = field.parentElement.innerText.trim();
      if (words) field.setAttribute("aria-label", words);
    });
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
