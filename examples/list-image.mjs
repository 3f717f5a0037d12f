// What is in an image. Names are bytes: what is no UTF-8 is shown with U+FFFD here.
import { mount, openFileDevice, walkDirectories } from 'f2fs';

const [image = 'new.img'] = process.argv.slice(2);
const device = openFileDevice(image);
const volume = mount(device, { readonly: true });
for (const { message } of volume.warnings) console.error(`${image}: ${message}`);

const root = volume.root();
const told = ({ path }, error) => console.error(`${path}: ${error.message}`);
for (const { path, directory, entries } of walkDirectories(root, '/', told)) {
  for (const { name } of entries) {
    const entry = directory.open(name);
    const { type, mode, uid, gid, size } = entry.stat();
    const attributes = entry.xattrs().map(({ name }) => Buffer.from(name).toString());
    const place = `${Buffer.from(path)}/${Buffer.from(name)}`.replace('//', '/');
    console.log(type, (mode & 0o7777).toString(8), `${uid}:${gid}`, size, place, ...attributes);
    entry.close();
  }
}

root.close();
volume.close();
device.close();
