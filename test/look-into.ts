// A look into an image file.
import { type FileSystem, mount, openFileDevice } from '../src/index.ts';

/** What `look` finds in the volume of an image, which is read alone. */
export function lookInto<T>(image: string, look: (volume: FileSystem) => T): T {
  const device = openFileDevice(image, { writable: false });
  try {
    using volume = mount(device, { readonly: true });
    return look(volume);
  } finally {
    device.close();
  }
}
