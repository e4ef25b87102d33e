// The keys of the page Review. They wait for one another, so that no press meets the wrong finding.
window.dash_clientside = window.dash_clientside || {};
(() => {
  const waiting = [];
  const PATIENCE = 10000; // milliseconds
  let asked = 0, serial = 0;

  function send() {
    if (!waiting.length || Date.now() - asked < PATIENCE) return;
    asked = Date.now();
    serial += 1;
    window.dash_clientside.set_props("review-key", { data: { key: waiting.shift(), serial } });
  }

  function press(key) {
    const sheet = document.getElementById("review-keys");
    if (key === "?") return sheet.open ? sheet.close() : sheet.showModal();
    if (sheet.open) return;
    if (key === "o") return document.getElementById("review-open")?.click();
    if (key === "h") return document.querySelector("#review-threshold-card [role=slider]")?.focus();
    if (key === "m") return showMissed();
    waiting.push(key);
    send();
  }

  function showMissed() {
    const part = document.getElementById("review-missed");
    if (!part) return;
    part.open = true;
    part.querySelector("button").focus();
  }

  const NAMES = { ArrowDown: "j", ArrowUp: "k" };
  const KEYS = "jktf012345uso?hm";

  document.addEventListener("keydown", (event) => {
    if (!document.getElementById("review") || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    if (target.closest?.("input, textarea, select, [contenteditable], [role=combobox]")) return;
    if (document.querySelector(".mantine-Drawer-body")?.checkVisibility()) return;
    if (event.key in NAMES && target.closest?.("[role=slider], .text")) return;
    const key = NAMES[event.key] || event.key;
    if (key.length !== 1 || !KEYS.includes(key)) return;
    event.preventDefault();
    press(key);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-review-key]");
    if (button) press(button.dataset.reviewKey);
  });

  window.dash_clientside.review = {
    // Two tabs of one browser are two reviewers.
    identify(_, known) {
      return known || Math.random().toString(36).slice(2);
    },

    // The first evidence of each text is scrolled to, within its own box.
    answered() {
      asked = 0;
      setTimeout(() => {
        document.querySelectorAll("#review-finding .text").forEach((box) => {
          const first = box.querySelector("mark");
          if (first) box.scrollTop = first.offsetTop - box.offsetTop - box.clientHeight / 3;
        });
        send();
      }, 0);
      return window.dash_clientside.no_update;
    },

    // When nothing is in hand, the page asks again at every tick.
    refill(_, hand) {
      if (hand && hand.at >= hand.entries.length && !waiting.length) {
        waiting.push("r");
        send();
      }
      return window.dash_clientside.no_update;
    },

    preview(value, effects) {
      if (!effects || value == null) return "";
      const at = Math.round(value * 100) - 1, now = Math.round(effects.at * 100) - 1;
      const count = (number) => number.toLocaleString("en-US");
      const sentences = [
        `With threshold ${value.toFixed(2)}, ${count(effects.flagged[at])} of the last day's ` +
          `${count(effects.records)} calls would be flagged (${count(effects.flagged[now])} at ${effects.at.toFixed(2)}).`,
      ];
      if (effects.true_alarms + effects.false_alarms) {
        sentences.push(
          `Of the reviewed ones, ${count(effects.lost[at])} of ${count(effects.true_alarms)} true alarms would be ` +
            `lost, and ${count(effects.spared[at])} of ${count(effects.false_alarms)} false alarms would be gone.`
        );
      } else sentences.push("No alarm of it was reviewed in the last 30 days.");
      return sentences.join(" ");
    },
  };
})();
