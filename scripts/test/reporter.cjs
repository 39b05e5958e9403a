/** mocha's spec reporter, which also writes the counts to the file that TORCHBRIDGE_TEST_RESULT names. */
'use strict';

const fs = require('node:fs');
const { Spec } = require('mocha').reporters;

module.exports = class CountingSpec extends Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes = 0, failures = 0, pending = 0 } = runner.stats ?? {};
      const file = process.env.TORCHBRIDGE_TEST_RESULT;
      if (file) fs.writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, skipped: pending }));
    });
  }
};
