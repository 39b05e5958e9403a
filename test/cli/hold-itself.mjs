/**
 * Imported before the command by tests that do something to one of several processes: the one that prints stands still for two seconds as
 * soon as what it has printed matches TEST_HOLD_AT, and the others wait for it. What a test does when it reads the line comes in time, on a busy machine too.
 */
const pattern = new RegExp(process.env.TEST_HOLD_AT);
const write = process.stdout.write.bind(process.stdout);
let printed = '';
let held = false;
process.stdout.write = (chunk, ...rest) => {
  const result = write(chunk, ...rest);
  printed += chunk;
  if (!held && pattern.test(printed)) {
    held = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);
  }
  return result;
};
