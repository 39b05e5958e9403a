/** Progress of one long step: on a terminal one line that is written over, in a pipe a line at every tenth. */

const mega = (bytes) => `${Math.round(bytes / 1e6)} MB`;

function remaining(seconds) {
  if (!Number.isFinite(seconds)) return '';
  return seconds < 90 ? `${Math.ceil(seconds)} s left` : `${Math.ceil(seconds / 60)} min left`;
}

export class Progress {
  #label;
  #out;
  #format;
  #started = Date.now();
  #initial;
  #lastDrawn = 0;
  #lastTenth = 0;

  /**
   * @param {string} label what is being done, for example `Fetching libtorch 2.13.0`.
   * @param {object} [options]
   * @param {{isTTY?: boolean, write(text: string): unknown}} [options.out] undefined: nothing is shown.
   * @param {number} [options.initial] what was done before this process began (a resumed download).
   * @param {boolean} [options.bytes] true: amounts are bytes; false: they are counted things.
   */
  constructor(label, { out, initial = 0, bytes = true } = {}) {
    this.#label = label;
    this.#out = out;
    this.#initial = initial;
    this.#format = bytes ? mega : String;
  }

  update(done, total) {
    if (this.#out === undefined) return;
    const share = total > 0 ? Math.min(1, done / total) : 0;
    if (this.#out.isTTY) {
      const now = Date.now();
      if (now - this.#lastDrawn < 100 && share < 1) return;
      this.#lastDrawn = now;
      const rate = (done - this.#initial) / ((now - this.#started) / 1000);
      const percent = `${Math.floor(share * 100)} %`.padStart(5);
      const left = share < 1 ? remaining((total - done) / rate) : '';
      this.#out.write(`\r\x1b[K${this.#label} ${percent}  ${this.#format(done)} of ${this.#format(total)}  ${left}`);
    } else {
      const tenth = Math.floor(share * 10);
      if (tenth <= this.#lastTenth) return;
      this.#lastTenth = tenth;
      this.#out.write(`${this.#label}: ${tenth * 10} % (${this.#format(done)} of ${this.#format(total)})\n`);
    }
  }

  /** Clears the line on a terminal, so that the next message starts on an empty one. */
  end() {
    if (this.#out?.isTTY && this.#lastDrawn > 0) this.#out.write('\r\x1b[K');
  }
}
