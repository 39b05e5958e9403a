import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Module } from '../nn/index.js';
import { errorLine } from './output.js';

/** What a network is made with. */
interface MakeOptions {
  readonly numClasses?: number;
}

/**
 * The network that a program names as its default export: a module, or a function that makes one. The program is run: its path is
 * given by the user, like that of any command.
 * @returns makes the network.
 * @throws Error in one line when the file is missing, cannot be run or exports something else.
 */
export async function ownNetwork(file: string): Promise<(options: MakeOptions) => Module> {
  if (!existsSync(file)) throw new Error(`cannot read ${file}: no such file`);
  const wanted = 'a module, or a function that makes one, as the default export';
  const exported = await run(file, async () => {
    const { default: value } = (await import(pathToFileURL(resolve(file)).href)) as { default?: unknown };
    return value;
  });
  return (options) => {
    const made = typeof exported === 'function' ? make(file, exported, options) : exported;
    if (made instanceof Module) {
      if (made === exported && options.numClasses !== undefined)
        throw new Error(`${file}: --num-classes needs a function that makes the network from { numClasses }`);
      return made;
    }
    const what = made instanceof Promise ? 'a Promise' : made === null ? 'null' : typeof made;
    const hint = looksLikeModule(made) ? ' of another copy of torchbridge' : '';
    throw new Error(`${file}: expected ${wanted} but found ${hint === '' ? what : `a module${hint}`}`);
  };
}

async function run(file: string, program: () => Promise<unknown>): Promise<unknown> {
  try {
    return await program();
  } catch (error) {
    throw explained(file, error);
  }
}

function make(file: string, exported: unknown, options: MakeOptions): unknown {
  try {
    // A class is a function, too, which is called in another way.
    const isClass = (exported as { prototype?: unknown }).prototype instanceof Module;
    if (isClass) return new (exported as new (options: MakeOptions) => unknown)(options);
    return (exported as (options: MakeOptions) => unknown)(options);
  } catch (error) {
    throw explained(file, error);
  }
}

function explained(file: string, error: unknown): Error {
  const [line = ''] = error instanceof Error ? error.message.split('\n') : [errorLine(error)];
  const name = error instanceof Error && error.name !== 'Error' ? `${error.name}: ` : '';
  return new Error(`${file} cannot be run: ${name}${line}`, { cause: error });
}

function looksLikeModule(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'namedParameters' in value && 'stateDict' in value;
}
