// There is no host that knows errnos.
export function errnoText(code: string): string {
  return code;
}

export function reasonText(text: string): string {
  return text;
}
