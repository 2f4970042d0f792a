/** Whether the payload is the end of a grant, which goes before all others. Not decoded, as it only decides who is taken first. */
export const endsGrant = (payload: Uint8Array): boolean =>
  Buffer.from(payload.buffer, payload.byteOffset, payload.length).includes('"parent_id"')
