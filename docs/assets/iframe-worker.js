// A browser starts no worker for a page that is read from a file. There, this class takes the
// place of Worker: it runs the script in a hidden frame, which gets and posts messages like one.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      const script = new URL(url, document.baseURI).href;
      this.frame.srcdoc = `<script src="${script}"></script>`;
      document.body.appendChild(this.frame);
      this.frame.addEventListener("load", () => {
        this.frame.contentWindow.postMessage = (data) =>
          this.dispatchEvent(new MessageEvent("message", { data }));
        for (const data of this.waiting) this.deliver(data);
        this.waiting = null;
      });
    }

    deliver(data) {
      const inner = this.frame.contentWindow;
      inner.dispatchEvent(new inner.MessageEvent("message", { data }));
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.deliver(data);
    }
  };
}
