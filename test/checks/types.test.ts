/** What the type tests hold. That they compile, the type check of the sources tells (checks.test.ts). */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const folder = path.resolve(import.meta.dirname, '../types');

/** Calls, `new`s and property reads in the body of a function, each a use of a type. */
function uses(body: ts.Node): number {
  let count = 0;
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) ++count;
    else if (ts.isPropertyAccessExpression(node) && !ts.isCallExpression(node.parent)) ++count;
    ts.forEachChild(node, visit);
  };
  visit(body);
  return count;
}

describe('the type tests', () => {
  const files = fs.readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const sources = files.map((name) => {
    const text = fs.readFileSync(path.join(folder, name), 'utf8');
    return { text, tree: ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true) };
  });
  const bodies = (name: string): ts.Node[] =>
    sources.flatMap(({ tree }) =>
      tree.statements.filter((each) => ts.isFunctionDeclaration(each) && each.name?.text === name),
    );

  it('show at least a hundred right uses, none of them excused', () => {
    const right = bodies('right');
    const count = right.reduce((sum, body) => sum + uses(body), 0);
    assert.ok(count >= 100, `only ${String(count)}`);
    for (const body of right) assert.doesNotMatch(body.getText(), /@ts-|as never|as any/);
  });

  it('show at least a hundred wrong ones, each with its reason', () => {
    const excuses = sources.flatMap(({ text }) => text.match(/@ts-expect-error.*/g) ?? []);
    assert.ok(excuses.length >= 100, `only ${String(excuses.length)}`);
    for (const excuse of excuses) assert.match(excuse, /@ts-expect-error \S+ \S+/);
  });
});
