// Several changes of an image that are one: whoever cuts the power, or kills this process, finds all of them or none. Where they take more
// than is free beside what they replace, it is done on a copy, which then takes the image's place.
import { changeImage } from 'f2fs';

const [image = 'new.img'] = process.argv.slice(2);
const name = '/etc/hostname';
try {
  const before = await changeImage(image, (volume) => {
    const before = Buffer.from(volume.readFile(name)).toString().trim();
    volume.writeFile(`${name}.new`, `${before}-updated\n`);
    volume.rename(`${name}.new`, name);
    volume.setXattr(name, 'user.previous', before);
    volume.mkdir('/var');
    volume.writeFile('/var/updated', new Date().toISOString());
    return before;
  });
  console.log(`${image}: ${name} was ${before}`);
} catch (error) {
  console.error(`${image} is as it was: ${error.message}`);
  process.exitCode = 1;
}
