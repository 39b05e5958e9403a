import type { DatasetProgress } from '../data/index.js';

const mega = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** `cifar-10-python.tar.gz: 42 % (72 of 170 MB)`. */
export function downloadText({ file, done, total }: DatasetProgress): string {
  if (total === undefined) return `${file}: ${mega(done)}`;
  return `${file}: ${Math.floor((100 * done) / total)} % (${mega(done)} of ${mega(total)})`;
}

/** Progress for pipes and files: a line at every tenth. */
export class DownloadLines {
  readonly #notice: (line: string) => void;
  #tenth = -1;

  constructor(notice: (line: string) => void) {
    this.#notice = notice;
  }

  update(progress: DatasetProgress): void {
    const { done, total = Infinity } = progress;
    const tenth = Math.floor((10 * done) / total);
    if (tenth <= this.#tenth) return;
    this.#tenth = tenth;
    this.#notice(downloadText(progress));
  }
}
