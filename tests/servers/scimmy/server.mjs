// SCIMMY behind scimmy-routers; accounts are kept in memory. Arguments: the file of an extension's schema and the URN that
// it has here, for SCIMMY takes none outside of urn:ietf:params:scim:schemas; without them users have the core schema alone.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const [, , schemaFile, urn] = process.argv;
const token = randomUUID();
const users = new Map();

const attribute = ({ type, name, mutability, subAttributes = [], ...rest }) =>
    new SCIMMY.Types.Attribute(type, name, { ...rest, mutable: mutability === "readWrite" }, subAttributes.map(attribute));

if (schemaFile) {
    const [{ name, description, attributes }] = JSON.parse(readFileSync(schemaFile, "utf8"));
    const extension = new SCIMMY.Types.SchemaDefinition(name, urn, description, attributes.map(attribute));
    SCIMMY.Resources.User.extend(extension);
}

const found = (id) => {
    if (!users.has(id)) throw new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
    return users.get(id);
};

SCIMMY.Resources.declare(SCIMMY.Resources.User)
    .ingress(({ id = randomUUID() }, user) => {
        const name = user.userName.toLowerCase();
        if ([...users.values()].some((each) => each.id !== id && each.userName.toLowerCase() === name))
            throw new SCIMMY.Types.Error(409, "uniqueness", "This user name is taken");
        users.set(id, { ...JSON.parse(JSON.stringify(user)), id });
        return users.get(id);
    })
    .egress(({ id }) => (id ? found(id) : [...users.values()]))
    .degress(({ id }) => users.delete(found(id).id));

const handler = (request) => {
    if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("Unknown token");
    return "the sync";
};
const server = express()
    .use("/scim/v2", new SCIMMYRouters({ type: "bearer", handler }))
    .listen(0, "127.0.0.1", () =>
        console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/scim/v2`, token })),
    );
