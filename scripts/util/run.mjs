/** Runs a program to its end. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Whether the module with this `import.meta.url` is what node was started with, and not imported by another. */
export function isProgram(url) {
  const program = process.argv[1];
  return program !== undefined && fs.existsSync(program) && url === pathToFileURL(fs.realpathSync(program)).href;
}

/** The last lines of a program's output: the ones that tell why it failed. */
export function tail(text, lines = 30) {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {object} [options]
 * @param {string} [options.cwd]
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {(line: string) => void} [options.onLine] called with every line of stdout and stderr.
 * @returns {Promise<{code: number, output: string}>} exit code (127 when there is no such program, 128 and more for a signal) and
 * both streams together.
 */
export function run(program, args, { cwd, env = process.env, onLine } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let rest = '';
    const take = (chunk) => {
      output += chunk;
      if (!onLine) return;
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      lines.forEach((line) => onLine(line));
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    child.on('error', (error) => {
      if (error.code === 'ENOENT') resolve({ code: 127, output: `${program}: not found` });
      else reject(error);
    });
    child.on('close', (code, signal) =>
      resolve({ code: code ?? 128, output: signal ? `${output}\nkilled by ${signal}` : output }),
    );
  });
}
