// What the environment asks for.

/** Whether F2FS_STRESS_FRAMES is set. */
export function stressesFrames(): boolean {
  return (process.env.F2FS_STRESS_FRAMES ?? '') !== '';
}
