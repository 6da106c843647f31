// What programs do with Google's clients for Node, unmodified: node node_steps.mjs STEP BUCKET FOLDER
// prints the results as JSON. NODE_CLIENTS is the folder that holds node_modules.
import {createRequire} from 'node:module';
import fs from 'node:fs';
import path from 'node:path';

const require = createRequire(process.env.NODE_CLIENTS + '/');
const [, , which, name, folder] = process.argv;

const read = stream =>
  new Promise((resolve, reject) => {
    const parts = [];
    stream.on('data', part => parts.push(part)).on('error', reject);
    stream.on('end', () => resolve(Buffer.concat(parts).toString()));
  });

const refusal = async action => {
  try {
    await action();
    return null;
  } catch (error) {
    return error.code ?? error.status;
  }
};

const steps = {
  async storage() {
    const {Storage} = require('@google-cloud/storage');
    const storage = new Storage();
    const [bucket] = await storage.createBucket(name, {location: 'EU', labels: {team: 'taxi'}});
    const found = {bucket: [bucket.metadata.location, bucket.metadata.labels, await bucket.exists()]};
    const [buckets] = await storage.getBuckets();
    found.listed = buckets.some(each => each.name === name);
    const file = bucket.file('a/x y.txt');
    await file.save('hello', {contentType: 'text/x', metadata: {metadata: {k: 'v'}}});
    await bucket.file('a/big').save(Buffer.alloc(9 << 20, 7), {resumable: true});
    await bucket.file('a/small').save(Buffer.alloc(1 << 20, 7), {resumable: false});
    found.read = [
      (await file.download())[0].toString(),
      (await file.download({start: 1, end: 2}))[0].toString(),
      (await bucket.file('a/big').download({validation: 'crc32c'}))[0].length,
      await read(file.createReadStream()),
    ];
    await new Promise((resolve, reject) => {
      const stream = bucket.file('streamed').createWriteStream();
      stream.on('finish', resolve).on('error', reject);
      stream.write('one ');
      stream.end('two');
    });
    found.streamed = (await bucket.file('streamed').download())[0].toString();
    found.files = (await bucket.getFiles({prefix: 'a/'}))[0].map(each => each.name);
    const [, , page] = await bucket.getFiles({delimiter: '/', autoPaginate: false});
    found.folders = page.prefixes;
    found.paged = (await bucket.getFiles({maxResults: 1}))[0].length;
    const [changed] = await file.setMetadata({metadata: {z: '1'}});
    found.metadata = [changed.contentType, changed.metadata];
    await file.copy(bucket.file('c/copied'));
    await bucket.file('c/copied').rename('c/renamed');
    await bucket.file('c/renamed').moveFileAtomic('c/moved');
    found.moved = (await bucket.getFiles({prefix: 'c/'}))[0].map(each => each.name);
    await bucket.combine(['a/x y.txt', 'c/moved'], 'joined');
    found.joined = (await bucket.file('joined').download())[0].toString();
    await file.makePublic();
    found.access = [(await file.isPublic())[0], (await bucket.iam.testPermissions(['storage.buckets.get']))[0]];
    found.account = (await storage.getServiceAccount())[0].emailAddress.endsWith('gserviceaccount.com');
    const only = {preconditionOpts: {ifGenerationMatch: 0}, resumable: false};
    found.refused = [
      await refusal(() => file.save('no', only)),
      await refusal(() => bucket.file('none').download()),
      await refusal(() => bucket.file('none').getMetadata()),
      await refusal(() => storage.bucket(name + '-none').getMetadata()),
      await refusal(() => bucket.delete()),
      await refusal(() => storage.createBucket(name)),
    ];
    await bucket.deleteFiles();
    await bucket.delete();
    found.gone = await bucket.exists();
    return found;
  },

  async transfers() {
    const {Storage, TransferManager} = require('@google-cloud/storage');
    const bucket = new Storage().bucket(name);
    await bucket.create();
    const manager = new TransferManager(bucket);
    for (const each of ['1', '2', '3']) fs.writeFileSync(path.join(folder, each), each);
    const big = path.join(folder, 'big');
    fs.writeFileSync(big, Buffer.alloc(12 << 20, 5));
    process.chdir(folder);
    await manager.uploadManyFiles(['1', '2', '3']);
    const found = {uploaded: (await bucket.getFiles())[0].map(each => each.name)};
    const downloads = await manager.downloadManyFiles(['1', '2', '3']);
    found.downloaded = downloads.map(each => each[0].toString());
    await bucket.upload(big, {destination: 'big'});
    await manager.downloadFileInChunks('big', {destination: 'back', chunkSizeBytes: 5 << 20, validation: 'crc32c'});
    found.chunks = fs.readFileSync('back').equals(fs.readFileSync(big));
    return found;
  },

  // An XML multipart upload, always to https://BUCKET.storage.googleapis.com.
  async chunks() {
    const {Storage, TransferManager} = require('@google-cloud/storage');
    const bucket = new Storage().bucket(name);
    await bucket.create();
    const big = path.join(folder, 'big');
    fs.writeFileSync(big, Buffer.alloc(12 << 20, 5));
    const options = {uploadName: 'd/big ü', chunkSizeBytes: 5 << 20, headers: {'Content-Type': 'text/x'}, validation: 'md5'};
    await new TransferManager(bucket).uploadFileInChunks(big, options);
    const [{size, contentType, md5Hash}] = await bucket.file('d/big ü').getMetadata();
    return [size, contentType, md5Hash ?? null, (await bucket.file('d/big ü').download())[0].equals(fs.readFileSync(big))];
  },

  async firebase() {
    const {initializeApp} = require('firebase-admin/app');
    const {getStorage} = require('firebase-admin/storage');
    initializeApp({projectId: process.env.GOOGLE_CLOUD_PROJECT, storageBucket: name});
    const bucket = getStorage().bucket();
    await bucket.create();
    await bucket.file('f').save('from firebase');
    const found = [(await bucket.file('f').download())[0].toString(), (await bucket.file('f').exists())[0]];
    await bucket.file('f').delete();
    return [...found, (await bucket.file('f').exists())[0]];
  },
};

process.stdout.write(JSON.stringify(await steps[which]()) + '\n');
