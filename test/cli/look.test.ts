import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { failWith, root, succeed, suiteFolder } from './command.js';

describe('torchbridge summary, stat and graph', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = () => ({ cwd: folder.path });

  it('summary prints the table, and what a network has in all', async () => {
    const { stdout, stderr } = await succeed(
      ['summary', 'densenet121', '--depth', '1', '--input-size', '3x64x64', '--batch', '2'],
      at(),
    );
    const lines = stdout.trimEnd().split('\n');
    assert.equal(stderr, '');
    assert.ok(lines.includes('├─Linear: 1-2                            [2, 1000]                 1,025,000'), stdout);
    assert.deepEqual(lines.slice(-4), [
      'Layers with weights: 121 (120 Conv2d, 1 Linear); 121 on the longest way from input to output',
      'Operations of products and convolutions: 0.929 GFLOP, 0.465 G multiply-adds',
      'Receptive field of the last feature map (2x2): 2071x2071 pixels, every 32x32',
      'Buffers, which are no parameters: 83,769',
    ]);
  });

  it('summary of columns, rows and classes, as JSON, and as the notes have it', async () => {
    const table = await succeed(
      ['summary', 'lenet', '--columns', 'mult_adds,trainable', '--rows', 'var_names', '--num-classes', '3'],
      at(),
    );
    assert.match(table.stdout, /^│ {4}└─Linear \(5\) +255 +True$/m);
    const { stdout } = await succeed(['summary', 'lenet', '--json'], at());
    const found = JSON.parse(stdout) as Record<string, unknown> & { layers: unknown[] };
    assert.deepEqual(
      [found['totalParams'], found['longest'], found['weightedLayers']],
      [61706, 5, { total: 5, byClass: { Conv2d: 2, Linear: 3 } }],
    );
    assert.deepEqual(found.layers[2], {
      name: '0',
      className: 'Conv2d',
      depth: 2,
      depthIndex: 1,
      kernelSize: [5, 5],
      inputSize: [1, 1, 32, 32],
      outputSize: [1, 6, 28, 28],
      numParams: 156,
      trainable: 'True',
      multAdds: 122304,
      isRecursive: false,
    });
    const notes = await succeed(['summary', 'lenet', '--layers'], at());
    assert.match(
      notes.stdout,
      /^ {14}Conv2d output shape : torch\.Size\(\[1, 6, 28, 28\]\)\n {11}MaxPool2d output shape/,
    );
  });

  it('stat prints the table, or its numbers', async () => {
    const { stdout } = await succeed(['stat', 'classic-lenet'], at());
    assert.match(stdout, /^\[MAdd\]: Sigmoid is not supported!\n/);
    assert.match(stdout, /\nTotal params: 61,706\n/);
    const json = await succeed(['stat', 'lenet', '--json'], at());
    const { rows } = JSON.parse(json.stdout) as { rows: { name: string; madd: number }[] };
    assert.deepEqual([rows[0]?.name, rows[0]?.madd], ['conv.0', 28 * 28 * 6 * 50]);
  });

  it('graph draws', async () => {
    const { stdout } = await succeed(['graph', 'densenet-40-12'], at());
    assert.equal(stdout, 'densenet-40-12.svg: 41 steps, 275 connections, 40 layers with weights on the longest way\n');
    assert.match(fs.readFileSync(path.join(folder.path, 'densenet-40-12.svg'), 'utf8'), /^<svg .*denseblock3/s);
    const png = await succeed(['graph', 'lenet', '--plot', 'a.png', '--json'], at());
    assert.equal((JSON.parse(png.stdout) as { depth: number }).depth, 5);
    assert.equal(fs.readFileSync(path.join(folder.path, 'a.png')).subarray(1, 4).toString(), 'PNG');
  });

  it('says what is wrong in one line', async () => {
    assert.match(await failWith(2, ['summary'], at()), /missing required argument 'model'/);
    assert.match(
      await failWith(1, ['summary', 'resnet20'], at()),
      /Expected a network by its name \(alexnet, .*\) but received resnet20/,
    );
    assert.match(
      await failWith(1, ['stat', 'densenet121', '--input-size', '1x224x224'], at()),
      /DenseNet cannot take an input of \[1, 1, 224, 224\]: it fails in features\.conv0 \(Conv2d\): .*expected input.* to have 3 channels/,
    );
    assert.match(
      await failWith(1, ['graph', 'lenet', '--input-size', '1x8x8'], at()),
      /LeNet cannot take an input of \[1, 1, 8, 8\]: it fails in conv\.2 \(Conv2d\).*; lenet is made for pictures of 1x32x32$/m,
    );
    assert.match(
      await failWith(2, ['summary', 'lenet', '--input-size', '32x32'], at()),
      /Expected channels, height and width like 3x224x224 for --input-size but received "32x32"/,
    );
    assert.match(
      await failWith(2, ['summary', 'lenet', '--columns', 'params'], at()),
      /for --columns but received "params"/,
    );
    assert.match(
      await failWith(2, ['summary', 'lenet', '--layers', '--depth', '2'], at()),
      /Expected no --depth with --layers/,
    );
    assert.match(await failWith(2, ['graph', 'lenet', '--plot', 'a.gif'], at()), /ending in \.svg or \.png/);
    assert.match(await failWith(1, ['graph', 'lenet', '--plot', 'no/a.svg'], at()), /there is no folder .*no/);
  });

  describe("of a network of one's own", () => {
    const write = (name: string, text: string): void => fs.writeFileSync(path.join(folder.path, name), text);
    const size = ['--input-size', '3x16x16'];

    before(() => {
      const packages = path.join(folder.path, 'node_modules');
      fs.mkdirSync(packages);
      fs.symlinkSync(root, path.join(packages, 'torchbridge'));
      write(
        'my-net.mjs',
        `import { nn } from 'torchbridge';
export default class MyNet extends nn.Module {
  constructor({ numClasses = 4 } = {}) {
    super();
    this.conv = new nn.Conv2d(3, 8, { kernelSize: 3 });
    this.fc = new nn.Linear(8 * 14 * 14, numClasses);
  }
  forward(x) {
    return this.fc.call(this.conv.call(x).relu().flatten(1));
  }
}
`,
      );
      write(
        'made.mjs',
        `import { nn } from 'torchbridge';
export default ({ numClasses = 2 }) => new nn.Sequential(new nn.Flatten(), new nn.Linear(768, numClasses));
`,
      );
      write('one.mjs', "import { nn } from 'torchbridge';\nexport default new nn.Conv2d(3, 8, { kernelSize: 3 });\n");
    });

    it('summary, stat and graph run the program that is named', async () => {
      const { stdout } = await succeed(['summary', './my-net.mjs', ...size, '--num-classes', '7'], at());
      assert.match(stdout, /^MyNet +\[1, 7\] +--$/m);
      assert.match(stdout, /^├─Linear: 1-2 +\[1, 7\] +10,983$/m);
      const made = await succeed(['summary', 'made.mjs', ...size, '--json'], at());
      assert.equal((JSON.parse(made.stdout) as { totalParams: number }).totalParams, 768 * 2 + 2);
      const { stdout: table } = await succeed(['stat', path.join(folder.path, 'one.mjs'), ...size], at());
      assert.match(table, /Total params: 224/);
      const drawn = await succeed(['graph', './my-net.mjs', ...size], at());
      assert.match(drawn.stdout, /^my-net\.svg: \d+ steps, \d+ connections, 2 layers with weights/);
      assert.match(fs.readFileSync(path.join(folder.path, 'my-net.svg'), 'utf8'), />my-net</);
    });

    it('says in one line what is wrong with it', async () => {
      write('thrown.mjs', "throw new TypeError('no\\nluck');\n");
      write('syntax.mjs', 'export default {\n');
      write('nothing.mjs', 'export const net = 1;\n');
      write('number.mjs', 'export default () => 7;\n');
      write('later.mjs', 'export default async () => 7;\n');
      write('foreign.mjs', 'export default { namedParameters() {}, stateDict() {} };\n');
      write('alone.mjs', "import 'not-installed';\n");
      const refused = (code: number, ...args: string[]): Promise<string> => failWith(code, ['summary', ...args], at());
      const wanted = 'expected a module, or a function that makes one, as the default export but found';
      const cases: [string, RegExp][] = [
        ['./no.mjs', /cannot read \.\/no\.mjs: no such file$/],
        ['thrown.mjs', /thrown\.mjs cannot be run: TypeError: no$/],
        ['syntax.mjs', /syntax\.mjs cannot be run: SyntaxError: Unexpected end of input$/],
        ['nothing.mjs', new RegExp(`nothing\\.mjs: ${wanted} undefined$`)],
        ['number.mjs', new RegExp(`number\\.mjs: ${wanted} number$`)],
        ['later.mjs', new RegExp(`later\\.mjs: ${wanted} a Promise$`)],
        ['foreign.mjs', new RegExp(`foreign\\.mjs: ${wanted} a module of another copy of torchbridge$`)],
        ['alone.mjs', /alone\.mjs cannot be run: Cannot find package 'not-installed' imported from /],
        ['one.mjs --num-classes 3', /one\.mjs: --num-classes needs a function that makes the network from/],
      ];
      for (const [text, message] of cases) assert.match(await refused(1, ...text.split(' '), ...size), message);
      assert.match(await refused(2, './my-net.mjs'), /Expected --input-size CxHxW with a network of one's own/);
      assert.match(
        await refused(1, './my-net.mjs', '--input-size', '3x20x20'),
        /my-net\.mjs cannot be run on such a picture: .*mat1 and mat2/,
      );
    });
  });
});
