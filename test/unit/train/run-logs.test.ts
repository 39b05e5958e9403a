import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { resolveConfig } from '../../../lib/train/config.js';
import { makeRunFolder, refuseOtherFiles, replaceRunFiles, runPaths } from '../../../lib/train/run-files.js';
import { GrowingFile, RunLogs } from '../../../lib/train/run-logs.js';

describe('train/run logs', () => {
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-logs-'));
  });
  afterEach(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it("writes results.csv in the script's format", () => {
    const logs = new RunLogs(runPaths(folder));
    logs.epoch(0, 2.2654876, 0.90625, 6.397361, 0.015625);
    logs.epoch(99, NaN, 0.5, Infinity, 1);
    logs.finalTest(0.458333333);
    logs.close();
    assert.equal(
      fs.readFileSync(path.join(folder, 'results.csv'), 'utf8'),
      'epoch,train_loss,train_error,valid_loss,valid_error,test_error\n' +
        '001,2.265488,0.906250,6.39736,0.01562,\n' +
        '100,nan,0.500000,inf,1.00000,\n' +
        ',,,,,0.45833\n',
    );
  });

  it('writes losses.csv with every bit of the loss', () => {
    const logs = new RunLogs(runPaths(folder));
    logs.iteration(0, 0, Math.fround(2.2523699), 0.9375, 0.1);
    logs.iteration(1, 41, Math.fround(1 / 3), 0.1, 0.010000000000000002);
    logs.close();
    assert.equal(
      fs.readFileSync(path.join(folder, 'losses.csv'), 'utf8'),
      'epoch,iteration,loss,error,lr\n1,1,2.2523699,0.9375,0.1\n2,42,0.33333334,0.1,0.010000000000000002\n',
    );
  });

  it('cuts back to a recorded length and goes on from there', () => {
    const paths = runPaths(folder);
    const logs = new RunLogs(paths);
    logs.iteration(0, 0, 1, 1, 0.1);
    const lengths = logs.syncedLengths();
    logs.iteration(0, 1, 2, 1, 0.1);
    logs.epoch(0, 1, 1, 1, 1);
    logs.close();
    const again = new RunLogs(paths, lengths);
    again.iteration(0, 1, 3, 1, 0.1);
    again.close();
    assert.equal(fs.readFileSync(paths.losses, 'utf8'), 'epoch,iteration,loss,error,lr\n1,1,1,1,0.1\n1,2,3,1,0.1\n');
    assert.equal(fs.readFileSync(paths.results, 'utf8').split('\n').length, 2);
  });

  it('refuses a log that is shorter than recorded or gone', () => {
    const file = path.join(folder, 'x.csv');
    new GrowingFile(file, 'head\n').close();
    assert.throws(() => new GrowingFile(file, 'head\n', 100), /x\.csv has 5 bytes where the checkpoint counts 100/);
    fs.rmSync(file);
    assert.throws(() => new GrowingFile(file, 'head\n', 5), /cannot go on with .*x\.csv: no such file/);
  });

  const config = resolveConfig(
    {},
    {
      pictures: { train: 5000, test: 1000, sha256: '0'.repeat(64) },
      numClasses: 10,
      seed: 1,
      threads: 1,
      device: 'cpu',
      versions: { torchbridge: '0', torch: '2' },
    },
  );

  it('replaces the files of a run and nothing else', () => {
    const paths = runPaths(folder);
    assert.equal(replaceRunFiles(paths, config), false);
    for (const name of ['checkpoint.pth', 'results.csv', 'notes.txt']) fs.writeFileSync(path.join(folder, name), '');
    assert.equal(replaceRunFiles(paths, { ...config, seed: 2 }), true);
    assert.deepEqual(fs.readdirSync(folder).sort(), ['config.json', 'notes.txt']);
    assert.match(fs.readFileSync(paths.config, 'utf8'), /"seed": 2,/);
  });

  it('takes files of these names for a run only beside its configuration', () => {
    const paths = runPaths(folder);
    const refused = (message: RegExp): void => {
      const before = fs.readdirSync(folder);
      assert.throws(() => refuseOtherFiles(paths, 'mine', true), message);
      assert.deepEqual(fs.readdirSync(folder), before);
    };
    refuseOtherFiles(paths, 'mine', false);
    fs.writeFileSync(paths.model, '');
    refused(/^Error: mine holds model\.pth but no config\.json of a run: [^\n]*choose another --save/);
    fs.writeFileSync(paths.config, '{"name": "something else"}');
    refused(/config\.json is not a run's configuration: [^\n]*the files in mine are not overwritten/);
    fs.writeFileSync(paths.config, 'no JSON');
    refused(/config\.json is not valid JSON: [^\n]*the files in mine are not overwritten/);
    replaceRunFiles(paths, config);
    refuseOtherFiles(paths, 'mine', false);
    for (const each of [paths.checkpoint, paths.model]) {
      fs.writeFileSync(each, '');
      assert.throws(
        () => refuseOtherFiles(paths, 'mine', false),
        /^UsageError: mine holds a run already: --resume goes on with it, --overwrite begins anew in its place, another --save keeps it$/,
      );
      refuseOtherFiles(paths, 'mine', true);
      fs.rmSync(each);
    }
  });

  it('says why a folder cannot be used', () => {
    const file = path.join(folder, 'file');
    fs.writeFileSync(file, '');
    assert.throws(() => makeRunFolder(file), /file is not a folder$/);
    assert.throws(
      () => makeRunFolder(path.join(file, 'below')),
      /cannot write to .*below: a part of the path is not a folder/,
    );
    makeRunFolder(path.join(folder, 'a', 'b'));
    assert.ok(fs.statSync(path.join(folder, 'a', 'b')).isDirectory());
  });
});
