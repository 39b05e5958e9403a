/** The published files of CIFAR-10, Python version, and their MD5 sums, as torchvision checks them. */

export const ARCHIVE = { name: 'cifar-10-python.tar.gz', md5: 'c58f30108f718f92721af3b95e74349a', size: 170_498_071 };

export const FOLDER = 'cifar-10-batches-py';

export const TRAIN_FILES: ReadonlyMap<string, string> = new Map([
  ['data_batch_1', 'c99cafc152244af753f735de768cd75f'],
  ['data_batch_2', 'd4bba439e000b95fd0a9bffe97cbabec'],
  ['data_batch_3', '54ebc095f3ab1f0389bbae665268c751'],
  ['data_batch_4', '634d18415352ddfa80567beed471001a'],
  ['data_batch_5', '482c414d41f54cd18b22e5b47cb7c3cb'],
]);

export const TEST_FILES: ReadonlyMap<string, string> = new Map([['test_batch', '40351d587109b95175f43aff81a1287e']]);

export const META_FILES: ReadonlyMap<string, string> = new Map([['batches.meta', '5ff9c542aee3614f3951f8cda6e48888']]);

export const ALL_FILES: ReadonlyMap<string, string> = new Map([...TRAIN_FILES, ...TEST_FILES, ...META_FILES]);
