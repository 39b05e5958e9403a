/**
 * Imported before the command by tests that stop it: it sends itself the signal TEST_SIGNAL as soon as what it has printed matches
 * TEST_SIGNAL_AT. A signal that a test sends when it reads the line comes after the next iterations on a busy machine, or after the end.
 */
const [signal, pattern] = [process.env.TEST_SIGNAL, new RegExp(process.env.TEST_SIGNAL_AT)];
const write = process.stdout.write.bind(process.stdout);
let printed = '';
let sent = false;
process.stdout.write = (chunk, ...rest) => {
  const result = write(chunk, ...rest);
  printed += chunk;
  if (!sent && pattern.test(printed)) {
    sent = true;
    process.kill(process.pid, signal);
  }
  return result;
};
