import assert from 'node:assert/strict';
import { densenetByName, getModel, networkByName, pictureSizeOf } from '../../../lib/models/index.js';
import { Conv2d, Module, networkGraph, ReLU, Sequential, type NetworkGraph } from '../../../lib/nn/index.js';
import { memory, scope, type Tensor } from '../../../lib/tensor/index.js';
import { graphFigure } from '../../../lib/train/index.js';
import { freeModule } from '../../parity/models/networks.js';

function graphOf(name: string, side?: number): NetworkGraph {
  return scope(() => {
    const net = networkByName(name);
    const [channels, height, width] = pictureSizeOf(name);
    const before = memory().tensors;
    const graph = networkGraph(net, [1, channels, side ?? height, side ?? width]);
    assert.equal(memory().tensors, before);
    freeModule(net);
    return graph;
  });
}

const sourcesOf = ({ edges }: NetworkGraph, to: number): number[] =>
  edges.filter((edge) => edge[1] === to).map(([from]) => from);

describe('graph of a network', function () {
  this.timeout(300_000);

  it('the longest way has as many layers as the names say', () => {
    const depths = { densenet121: 121, resnet18: 18, googlenet: 22, vgg11: 11, lenet: 5, 'densenet-40-12': 40 };
    for (const [name, depth] of Object.entries(depths))
      assert.equal(graphOf(name, name === 'lenet' ? 32 : 64).depth, depth, name);
  });

  it('every layer of a dense block reads all before it, and so does what follows', () => {
    const { nodes, edges } = graphOf('densenet121', 64);
    const layers = nodes.flatMap(({ group }, index) => (group?.path === 'features.denseblock2' ? [index] : []));
    assert.equal(layers.length, 12);
    const first = layers[0]!;
    const transition = first - 1;
    assert.equal(nodes[transition]!.path, 'features.transition1');
    [...layers, first + 12].forEach((layer, place) => {
      assert.deepEqual(
        sourcesOf({ edges } as NetworkGraph, layer),
        Array.from({ length: place + 1 }, (_, index) => transition + index),
      );
    });
    assert.deepEqual(
      { ...nodes[first]!, group: undefined },
      {
        path: 'features.denseblock2.denselayer1',
        className: '_DenseLayer',
        label: '1×1 conv, 128 + 3×3 conv, 32',
        shape: [32, 8, 8],
        group: undefined,
        layers: 2,
        kind: 'conv',
      },
    );
    // L (L + 1) / 2 connections within a block of L layers and to its transition, counting what the block itself is given.
    const within = [6, 12, 24, 16].reduce((sum, count) => sum + ((count + 1) * (count + 2)) / 2, 0);
    assert.equal(edges.length, within + 3);
  });

  it("the notes' blocks, which join as they go, give the same connections", () => {
    const { edges, nodes } = graphOf('notes-densenet', 64);
    assert.deepEqual(
      nodes.slice(1, 5).map(({ path }) => path),
      ['1.net.0', '1.net.1', '1.net.2', '1.net.3'],
    );
    for (const place of [1, 2, 3, 4, 5])
      assert.deepEqual(
        sourcesOf({ edges } as NetworkGraph, place),
        Array.from({ length: place }, (_, index) => index),
      );
  });

  it('shortcuts, branches and functions are there', () => {
    const resnet = graphOf('resnet18', 64);
    const adds = resnet.nodes.flatMap(({ kind }, index) => (kind === 'add' ? [index] : []));
    assert.equal(adds.length, 8);
    assert.ok(adds.every((each) => sourcesOf(resnet, each).length === 2));
    const google = graphOf('googlenet', 64);
    const joins = google.nodes.flatMap(({ kind }, index) => (kind === 'concat' ? [index] : []));
    assert.equal(joins.length, 9);
    assert.ok(joins.every((each) => sourcesOf(google, each).length === 4));
    class Own extends Module {
      readonly body = new Sequential(new Conv2d(1, 2, { kernelSize: 1 }), new ReLU());
      forward(x: Tensor): Tensor {
        return this.body.call(x).mul(x).sigmoid();
      }
    }
    const own = new Own();
    const { nodes, edges } = networkGraph(own, [1, 1, 4, 4]);
    assert.deepEqual(
      nodes.map(({ className, label }) => `${className}: ${label}`),
      ['Sequential: 1×1 conv, 2', 'mul: mul'],
    );
    assert.deepEqual(edges, [
      [-1, 0],
      [0, 1],
      [-1, 1],
    ]);
    freeModule(own);
  });

  it('is drawn: every step with its words, every connection', () => {
    for (const [name, side] of [
      ['lenet', 32],
      ['resnet18', 64],
      ['googlenet', 64],
      ['densenet-40-12', 32],
      ['vovnet27_slim', 64],
    ] as const) {
      const graph = graphOf(name, side);
      const svg = graphFigure(graph, `<${name}>`);
      assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 \d+ \d+"/);
      assert.ok(!svg.includes('NaN') && !svg.includes('Infinity') && !svg.includes('undefined'), name);
      assert.equal(svg.match(/<path d="M[^"]*" fill="none"/g)?.length, graph.edges.length, name);
      assert.equal(svg.match(/<g><title>/g)?.length, graph.nodes.length, name);
      assert.ok(svg.includes(`>&#60;${name}&#62;<`));
      assert.equal(svg.split('<g').length, svg.split('</g>').length);
      // All within the page.
      const [, width = 0, height = 0] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.map(Number);
      for (const [, x, w] of svg.matchAll(/<rect x="([-\d.]+)" y="[-\d.]+" width="([\d.]+)"/g))
        assert.ok(Number(x) + Number(w) <= width && Number(x) >= 0, `${name}: ${x}`);
      const rows = [...svg.matchAll(/translate\(28,([\d.]+)\)/g)].map(([, y]) => Number(y));
      assert.ok(rows.every((y, index) => y > (rows[index - 1] ?? 0) && y < height));
    }
  });

  it('finds networks by their names', () => {
    assert.deepEqual(
      [pictureSizeOf('lenet'), pictureSizeOf('vgg11'), pictureSizeOf('densenet-bc-100-12')],
      [
        [1, 32, 32],
        [3, 224, 224],
        [3, 32, 32],
      ],
    );
    assert.throws(
      () => networkByName('resnet20'),
      /^TorchError: Expected a network by its name \(alexnet, densenet121, .*densenet-bc-100-12.*\) but received resnet20$/,
    );
    for (const make of [
      () => densenetByName('densenet-40-12', { numClasses: 3 }),
      () => getModel('lenet', { numClasses: 3 }),
    ]) {
      scope(() => {
        const net: Module = make();
        assert.equal(net.parameters().at(-1)!.shape[0], 3);
        freeModule(net);
      });
    }
  });
});
