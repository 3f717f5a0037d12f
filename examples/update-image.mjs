// Several changes of an image that are one: whoever cuts the power, or kills this process, finds all of them or none.
import { mount, openFileDevice } from 'f2fs';

const [image = 'new.img'] = process.argv.slice(2);
const device = openFileDevice(image, { writable: true });
const volume = mount(device, { checkpoints: 'explicit' });
try {
  const name = '/etc/hostname';
  const before = Buffer.from(volume.readFile(name)).toString().trim();
  volume.writeFile(`${name}.new`, `${before}-updated\n`);
  volume.rename(`${name}.new`, name);
  volume.setXattr(name, 'user.previous', before);
  volume.mkdir('/var');
  volume.writeFile('/var/updated', new Date().toISOString());
  volume.close(); // The one block that makes all of it true is written here.
  console.log(`${image}: ${name} was ${before}`);
} catch (error) {
  volume.abandon(); // Nothing of it happened.
  console.error(`${image}: ${error.message}`);
  process.exitCode = 1;
} finally {
  device.close();
}
