import { crashGroup } from './group.ts';

crashGroup(2);
