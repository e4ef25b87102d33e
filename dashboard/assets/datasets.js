// A file of items goes to the server as it is, and the page tells how much of it has arrived.
(function () {
  const MOST = 16 * 1024 * 1024;
  const say = (text) => window.dash_clientside.set_props("dataset-progress", { children: text });
  const failed = (line) => ({ title: "Nothing was added", lines: [line] });

  // What a callback returns is dropped when it is asked again meanwhile, so the answer is set.
  function tell(answer) {
    window.dash_clientside.set_props("dataset-sent", { data: { ...answer, at: Date.now() } });
    return window.dash_clientside.no_update;
  }

  function bytesOf(contents) {
    const text = atob(contents.slice(contents.indexOf(",") + 1));
    return Uint8Array.from(text, (one) => one.charCodeAt(0));
  }

  function post(address, bytes) {
    return new Promise((done) => {
      const request = new XMLHttpRequest();
      request.open("POST", address);
      request.upload.onprogress = (event) =>
        say(`${Math.round((100 * event.loaded) / event.total)} % of the file has arrived.`);
      request.upload.onload = () => say("The file has arrived, and its items are checked and added …");
      request.onerror = () => done(failed("The dashboard's server does not answer: try again shortly."));
      request.onload = () => {
        try {
          done(JSON.parse(request.responseText));
        } catch {
          done(failed(request.responseText || `The server answered ${request.status}.`));
        }
      };
      request.send(bytes);
    });
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.datasets = {
    async send(contents, filename, name, search) {
      if (!contents) return window.dash_clientside.no_update;
      // The same file can be chosen again, once it was mended.
      window.dash_clientside.set_props("dataset-file", { contents: null });
      const bytes = bytesOf(contents);
      if (bytes.length > MOST) return tell(failed("A file has at most 16 MB: send it in parts."));
      const fields = new URLSearchParams(search || "");
      fields.set("file", filename);
      fields.set("name", (name || "").trim());
      const answer = await post(`/upload/dataset?${fields}`, bytes);
      say("");
      return tell(answer);
    },
  };
})();
