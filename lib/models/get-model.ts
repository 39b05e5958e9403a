import type { Module, Sequential } from '../nn/index.js';
import { TorchError, type Tensor } from '../tensor/index.js';
import { alexnet } from './alexnet.js';
import { PUBLISHED_FORMS } from './densenet-form.js';
import { FashionDenseNet, type FashionDenseNetOptions } from './fashion-densenet.js';
import { googlenet, type GoogLeNetOutputs } from './googlenet.js';
import { densenet121, densenet161, densenet169, densenet201, densenet264 } from './imagenet-densenets.js';
import { classicLeNet, LeNet, type LeNetOptions } from './lenet.js';
import type { NotesOptions } from './network-options.js';
import { nin } from './nin.js';
import { NotesAlexNet, type NotesAlexNetOptions } from './notes-alexnet.js';
import { notesDenseNet, type NotesDenseNetOptions } from './notes-densenet.js';
import { notesGoogLeNet } from './notes-googlenet.js';
import { NOTES_RESNETS, notesResNet, type NotesResNetOptions } from './notes-resnet.js';
import { published, type NetworkWeights, type Published } from './published.js';
import { resnet101, resnet152, resnet18, resnet34, resnet50 } from './resnet.js';
import { notesVgg, VGG_ARCHS, type NotesVggOptions } from './vgg.js';
import { vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn } from './vgg.js';
import { vovnet27_slim, vovnet39, vovnet57 } from './vovnet.js';

/** A network that makes classes of pictures; `logitsOf` takes what it gives. */
export type Network = Module & { forward(x: Tensor): Tensor | GoogLeNetOutputs };

/** What any network takes that is made by its name. */
export interface NetworkOptions extends NetworkWeights {
  readonly numClasses?: number | undefined;
}

const vggOfNotes = (name: keyof typeof VGG_ARCHS): Published<Omit<NotesVggOptions, 'convArch'>, Sequential> =>
  published(`notes-${name}`, ['11'], (options: Omit<NotesVggOptions, 'convArch'>) =>
    notesVgg({ ...options, convArch: VGG_ARCHS[name] }),
  );

const resnetOfNotes = (
  name: keyof typeof NOTES_RESNETS,
): Published<Omit<NotesResNetOptions, 'numResiduals'>, Sequential> =>
  published(`notes-${name}`, ['7'], (options: Omit<NotesResNetOptions, 'numResiduals'>) =>
    notesResNet({ ...options, numResiduals: NOTES_RESNETS[name] }),
  );

const fashion = (
  name: 'densenet121' | 'densenet169' | 'densenet201',
): Published<Omit<FashionDenseNetOptions, 'blockConfig'>, FashionDenseNet> =>
  published(
    `fashion-${name}`,
    ['classifier'],
    (options: Omit<FashionDenseNetOptions, 'blockConfig'>) =>
      new FashionDenseNet({ ...options, blockConfig: PUBLISHED_FORMS[name].blockConfig }),
  );

/** For pictures of three channels, as torchvision prepares them for ImageNet. */
const IMAGENET = {
  alexnet,
  densenet121,
  densenet161,
  densenet169,
  densenet201,
  densenet264,
  googlenet,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  vgg11,
  vgg11_bn,
  vgg13,
  vgg13_bn,
  vgg16,
  vgg16_bn,
  vgg19,
  vgg19_bn,
  vovnet27_slim,
  vovnet39,
  vovnet57,
} as const;

/** The notes' own, for pictures of one channel. */
const NOTES = {
  lenet: published('lenet', ['linear.5'], (options: LeNetOptions) => new LeNet(options)),
  'classic-lenet': published('classic-lenet', ['11'], (options: LeNetOptions) => classicLeNet(options)),
  nin: published('nin', ['7.4'], (options: NotesOptions) => nin(options)),
  'notes-alexnet': published(
    'notes-alexnet',
    ['linear.7'],
    (options: NotesAlexNetOptions) => new NotesAlexNet(options),
  ),
  'notes-vgg11': vggOfNotes('vgg11'),
  'notes-vgg13': vggOfNotes('vgg13'),
  'notes-vgg16': vggOfNotes('vgg16'),
  'notes-vgg19': vggOfNotes('vgg19'),
  'notes-googlenet': published('notes-googlenet', ['4.4'], (options: NotesOptions) => notesGoogLeNet(options)),
  'notes-resnet18': resnetOfNotes('resnet18'),
  'notes-resnet34': resnetOfNotes('resnet34'),
  'notes-densenet': published('notes-densenet', ['8.4'], (options: NotesDenseNetOptions) => notesDenseNet(options)),
  'fashion-densenet121': fashion('densenet121'),
  'fashion-densenet169': fashion('densenet169'),
  'fashion-densenet201': fashion('densenet201'),
} as const;

/** The function of every network, by its name: what {@link getModel} calls. */
export const NETWORKS = { ...IMAGENET, ...NOTES } as const;

/** The networks by their names. */
export type Networks = typeof NETWORKS;

/**
 * Names of the networks that {@link getModel} makes.
 * @param family only those for pictures of three channels (`imagenet`), or the notes' own for one channel (`notes`).
 * @see torchvision.models.list_models
 */
export function listModels(family?: 'imagenet' | 'notes'): string[] {
  return Object.keys({ imagenet: IMAGENET, notes: NOTES, all: NETWORKS }[family ?? 'all']);
}

/**
 * A network by its name, as `getModel('densenet121', { weights: 'DEFAULT' })`: torchvision's under torchvision's names, and
 * those of the notes (`lenet`, `classic-lenet`, `nin`, `notes-…`, `fashion-…`).
 * @throws TorchError `value` naming those that there are; as the network's own function.
 * @see torchvision.models.get_model
 */
export function getModel<Name extends keyof Networks>(
  name: Name,
  options?: Parameters<Networks[Name]>[0],
): ReturnType<Networks[Name]>;
export function getModel(name: string, options?: NetworkOptions): Network;
export function getModel(name: string, options: unknown = {}): unknown {
  if (!Object.hasOwn(NETWORKS, name))
    throw new TorchError('value', `Expected one of ${listModels().join(', ')} but received ${name}`);
  const make = NETWORKS[name as keyof Networks] as (options: unknown) => Network;
  return make(options);
}
