// better-auth with its SCIM plugin and its own adapter for memory: one connection with one token.
import { randomUUID, webcrypto } from "node:crypto";
import { createServer } from "node:http";
import { scim } from "@better-auth/scim";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { getAuthTables } from "better-auth/db";
import { toNodeHandler } from "better-auth/node";

globalThis.crypto ??= webcrypto; // Node 18 has it in its module alone
const token = randomUUID();
const plugins = [scim({ connections: [{ id: "sync", credentials: [{ type: "bearer", id: "token", token }] }] })];
const tables = Object.fromEntries(Object.keys(getAuthTables({ plugins })).map((table) => [table, []]));

const server = createServer();
server.listen(0, "127.0.0.1", () => {
    const baseURL = `http://127.0.0.1:${server.address().port}`;
    const auth = betterAuth({
        baseURL,
        database: memoryAdapter(tables),
        plugins,
        rateLimit: { enabled: false },
        secret: randomUUID(),
        telemetry: { enabled: false },
    });
    server.on("request", toNodeHandler(auth));
    console.log(JSON.stringify({ url: `${baseURL}/api/auth/scim/v2`, token }));
});
