/** mocha's spec reporter, which also writes the counts and what failed to the file that TORCHBRIDGE_TEST_RESULT names. */
'use strict';

const fs = require('node:fs');
const { Spec } = require('mocha').reporters;

module.exports = class CountingSpec extends Spec {
  constructor(runner, options) {
    super(runner, options);
    const failed = [];
    runner.on('fail', (test, error) => {
      const reason = String(error?.stack ?? error?.message ?? error);
      failed.push({ title: test.titlePath().join(' › '), reason: reason.split('\n').slice(0, 20).join('\n') });
    });
    runner.once('end', () => {
      const { passes = 0, failures = 0, pending = 0 } = runner.stats ?? {};
      const file = process.env.TORCHBRIDGE_TEST_RESULT;
      const counts = { passed: passes, failed: failures, skipped: pending, failures: failed };
      if (file) fs.writeFileSync(file, JSON.stringify(counts));
    });
  }
};
