/** Whether the payload is the end of a grant, which is taken before all others. Not decoded, since this only decides the order. */
export const endsGrant = (payload: Uint8Array): boolean =>
  Buffer.from(payload.buffer, payload.byteOffset, payload.length).includes('"parent_id"')
