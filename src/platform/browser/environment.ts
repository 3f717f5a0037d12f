// There is no environment.
export function stressesFrames(): boolean {
  return false;
}
