// @tus/server over its file store, plain and TLS: node tus.mjs FOLDER PORT TLS-PORT CERT KEY
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { Server } from '@tus/server'
import { FileStore } from '@tus/file-store'

const [folder, port, tlsPort, cert, key] = process.argv.slice(2)
const server = new Server({ path: '/files', datastore: new FileStore({ directory: folder }), relativeLocation: true })
const handle = server.handle.bind(server)
http.createServer(handle).listen(Number(port), '127.0.0.1')
https.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, handle).listen(Number(tlsPort), '127.0.0.1')
