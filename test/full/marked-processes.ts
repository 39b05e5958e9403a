/** The processes of a run, wherever they were started from. */
import fs from 'node:fs';

/** The variable that marks them. */
export const MARK = 'TORCHBRIDGE_KILLS_TRIAL';

/** Processes that carry a mark in their environment, and their ranks where they have one. */
export function processesOf(mark: string): { pid: number; rank: number | null }[] {
  return fs.readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const variables = fs.readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
      if (!variables.includes(`${MARK}=${mark}`)) return [];
      const rank = variables.find((each) => each.startsWith('RANK='));
      return [{ pid: Number(name), rank: rank === undefined ? null : Number(rank.slice(5)) }];
    } catch {
      return []; // it has just ended, or is another user's
    }
  });
}
