/** Runs tests of a device one after the other and prints a line of JSON for each. */
export async function runTests(tests, scope) {
  for (const [name, test] of Object.entries(tests)) {
    let outcome = { name, ok: true };
    try {
      // An asynchronous test has scopes of its own.
      await (test.constructor.name === 'AsyncFunction' ? test() : scope(test));
    } catch (error) {
      const lines = String(error?.stack ?? error).split('\n');
      outcome = { name, ok: false, error: lines.slice(0, 4).join(' | ') };
    }
    console.log(JSON.stringify(outcome));
  }
}

/** @throws Error where it is not so. */
export function check(fine, what = 'not as expected') {
  if (!fine) throw new Error(what);
}

/** @throws Error for values whose texts differ. */
export function same(a, b) {
  check(JSON.stringify(a) === JSON.stringify(b), `${JSON.stringify(a)} beside ${JSON.stringify(b)}`);
}
